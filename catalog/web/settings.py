"""Settings of the web process: where it listens, who may enter, how much it keeps."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import NoDecode

from catalog.errors import SettingsError
from catalog.settings import CatalogSettings, explain

Words = Annotated[tuple[str, ...], NoDecode]


class WebSettings(CatalogSettings):
    """What `kadr serve` needs, in addition to the catalogue's settings."""

    #: KADR_WEB_HOST, KADR_WEB_PORT: the address to listen at; one that other machines reach needs
    #: a password.
    web_host: str = "127.0.0.1"
    web_port: int = Field(8090, ge=0, le=65535)
    #: KADR_WEB_HOSTS: other names under which browsers reach it, by commas, with their port where
    #: it is not 80 or 443: `photos.example.org,nas.local:8090`.
    web_hosts: Words = ()
    #: KADR_WEB_PASSWORD: replaces the one that `kadr password` stores in the catalogue.
    web_password: SecretStr | None = None
    #: KADR_WEB_AUTH: `password`, or `proxy` where a proxy in front of Kadr logs people in.
    web_auth: Literal["password", "proxy"] = "password"
    #: KADR_WEB_USER_HEADER: the header in which the proxy names the person.
    web_user_header: str = "Remote-User"
    #: KADR_WEB_TRUSTED_PEERS: addresses or networks whose headers are believed, by commas.
    web_trusted_peers: Words = ()
    #: KADR_METRICS_TOKEN: a bearer token that may read /metrics and nothing else.
    metrics_token: SecretStr | None = None

    @field_validator("web_hosts", "web_trusted_peers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value


def load(**overrides: object) -> WebSettings:
    """Read the settings; `overrides` that are None are left to the environment.

    Raises:
        SettingsError: A variable has an invalid value; the message names it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return WebSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(explain(error)) from error
