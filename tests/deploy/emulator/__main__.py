"""moto's server, with the resource types of `resources.py`. Takes the arguments of `moto_server`."""

import sys
import traceback
import warnings

import flask
from moto.core.config import default_user_config
from moto.server import main

import emulator.resources  # noqa: F401: that it is there is all that moto needs


def say(_, exception):
    traceback.print_exception(exception)


# Why a request failed: moto by itself answers 500 and says nothing.
flask.got_request_exception.connect(say)
# A type that is neither moto's nor ours would be left out without a word.
warnings.filterwarnings("error", message="Tried to parse .* not supported by moto")
# Functions are deployed here, and run by check.py: moto would want Docker for that.
default_user_config["lambda"]["use_docker"] = False
main(sys.argv[1:])
