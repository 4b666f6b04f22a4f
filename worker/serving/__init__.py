"""What the gallery needs and the catalogue cannot do: small pictures, texts encoded, folders read.

`kadr serve` hands it to the application of `catalog.web`. Photos are decoded and texts encoded in
child processes: neither a decoder nor torch is loaded by the process that answers requests.
"""
