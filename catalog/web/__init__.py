"""The gallery and the REST API: a web application over the catalogue.

`app.create_app` builds it; `kadr serve` runs it. The application opens no photo and knows no model:
what needs either comes in as `services.Services`, which `worker.serving` implements.
"""
