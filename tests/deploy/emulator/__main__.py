"""moto's server, with the resource types of `resources.py`. Takes the arguments of `moto_server`."""

import sys
import traceback
import warnings

import flask
import yaml
from moto.cloudformation.utils import yaml_tag_constructor
from moto.core.config import default_user_config
from moto.server import main

import emulator.resources  # noqa: F401: that it is there is all that moto needs


def say(_, exception):
    traceback.print_exception(exception)


# Why a request failed: moto by itself answers 500 and says nothing.
flask.got_request_exception.connect(say)
# A type that is neither moto's nor ours would be left out without a word.
warnings.filterwarnings("error", message="Tried to parse .* not supported by moto")
# In C, because two hundred roles are half a megabyte of YAML.
yaml.add_multi_constructor("", yaml_tag_constructor, Loader=yaml.CLoader)
yaml.Loader = yaml.CLoader
# Functions are deployed here, and run by check.py: moto would want Docker for that.
default_user_config["lambda"]["use_docker"] = False
main(sys.argv[1:])
