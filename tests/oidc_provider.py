"""A real OpenID provider on the loopback: Django with django-oauth-toolkit, in a process of its own.

`python tests/oidc_provider.py FOLDER REDIRECT_URI` makes a database in the folder, starts, and prints a line of JSON.
PKCE is required; people log in through Django's own form.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENT_ID, CLIENT_SECRET = "spm-ml", "a-secret-of-the-tests"
PASSWORD = "correct horse battery staple"
PEOPLE = {
    "anna": ("anna@example.com", True),
    "omar": ("omar@example.com", False),  # an address that nobody has verified
    "eve": ("eve@example.com", True),
}
"""Email of each user, and whether it is verified."""


@dataclass(frozen=True)
class RunningProvider:
    """Where it runs."""

    issuer: str


@contextmanager
def running_provider(folder: Path, redirect_uri: str) -> Iterator[RunningProvider]:
    """Starts the provider until the block ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder), redirect_uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield RunningProvider(**json.loads(line))
    finally:
        process.kill()
        process.communicate()


def _serve(folder: Path, redirect_uri: str) -> None:
    import threading
    from wsgiref.simple_server import WSGIServer, make_server

    import django
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command

    key = rsa.generate_private_key(65_537, 2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings.configure(
        SECRET_KEY="of-the-tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.db")}},
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in _DJANGO), "oauth2_provider"],
        MIGRATION_MODULES=dict.fromkeys((*_DJANGO, "oauth2_provider")),  # tables as they are now, at once
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # fast
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": _LOGIN_PAGE})]
                },
            }
        ],
        LOGIN_URL="/accounts/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": pem,
            "PKCE_REQUIRED": True,
            "SCOPES": {"openid": "who", "email": "address", "profile": "name"},
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
        },
    )
    django.setup()
    _define()
    call_command("migrate", run_syncdb=True, verbosity=0)
    _fill(redirect_uri)

    class Server(WSGIServer):
        request_queue_size = 16

    with make_server("127.0.0.1", 0, WSGIHandler(), Server, _handler()) as server:
        sys.stdout.write(json.dumps({"issuer": f"http://127.0.0.1:{server.server_port}/o"}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=_wait_for_parent, daemon=True).start()
        server.serve_forever()


_DJANGO = ("auth", "contenttypes", "sessions")
_LOGIN_PAGE = '<form method="post">{% csrf_token %}{{ form }}</form>'


def _wait_for_parent() -> None:
    """Ends the process with the one that started it."""
    import os
    import time

    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _handler() -> type:
    from wsgiref.simple_server import WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    return Quiet


def _define() -> None:
    """What can only be defined once Django is set up: the addresses and what the ID token says."""
    from django.contrib.auth.views import LoginView
    from django.urls import include, path
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):
        def get_additional_claims(self, request):  # type: ignore[no-untyped-def]
            email, verified = PEOPLE[request.user.username]
            return {"email": email, "email_verified": verified}

    module = sys.modules[__name__]
    module.Validator = Validator  # type: ignore[attr-defined]
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("accounts/login/", LoginView.as_view()),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    ]


def _fill(redirect_uri: str) -> None:
    from django.contrib.auth import get_user_model
    from oauth2_provider.models import get_application_model

    for name in PEOPLE:
        get_user_model().objects.create_user(name, password=PASSWORD)
    get_application_model().objects.create(
        name="spm-ml",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris=redirect_uri,
        skip_authorization=True,
        algorithm="RS256",
    )


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
