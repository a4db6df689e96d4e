"""The web application: an API and pages over the prediction store. Nothing happens at import."""
