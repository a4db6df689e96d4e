"""Who somebody is when they bring no token of ours: an OpenID provider or a trusted proxy says so."""
