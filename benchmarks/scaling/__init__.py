"""How seconds and memory grow with the organisation."""
