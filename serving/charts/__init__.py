"""Pictures drawn on the server as SVG: each with a title, a description in words, and a table behind it."""
