"""This service over a store, as it is shipped."""

import sys

from serving.run import run
from serving.settings import ServingSettings

if __name__ == "__main__":
    run(ServingSettings.model_validate_json(sys.argv[2]), port=int(sys.argv[1]))
