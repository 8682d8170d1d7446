"""The HTTP face: one file per interaction and operation; `app.create_app` puts them together."""
