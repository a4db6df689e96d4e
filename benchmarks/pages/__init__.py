"""The pages as a browser gets them: weight, requests, time to the first chart, time of a click."""
