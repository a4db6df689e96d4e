"""The service beside bare Starlette and `mlflow models serve`: requests a second, latency, growth, memory, start."""
