"""`web`: the page and the HTTP interface, and who may use them."""

import typer

from bouncegate.cli.web import account, token
from bouncegate.cli.web.serve import web

app = typer.Typer()

app.callback(invoke_without_command=True)(web)
app.add_typer(account.app, name="account")
app.add_typer(token.app, name="token")
