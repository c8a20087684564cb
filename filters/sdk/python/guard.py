"""What would break off a filter without a word ends in a sentence, with the line: an exception, a misspelt verdict, `async`, the clock,
a module that is imported too late. `print` is for the author, as in the log.

In a component nothing can catch these once the interpreter asks its system for anything: there is none. Import this module first,
and decorate each class that is exported with `@guard.guarded`.
"""

import datetime
import functools
import inspect
import os
import sys
import time
from typing import Any, Callable, Optional

from componentize_py_types import Err
from wit_world.imports import logging
from wit_world.imports.logging import Level
from wit_world.imports.types import Decision, Verdict

NO_CLOCK = "there is no clock in a filter: the moment is `context.evaluated_at`"
NO_CHANCE = "there is no randomness in a filter: the same input always gives the same answer"


class NotInAFilter(Exception):
    """Something was asked for that no filter is given."""


def guarded(exported: type) -> type:
    """The class, of which each function says what goes wrong in it."""
    expected = ["manages"] if hasattr(exported, "manages") else ["describe", "validate", "evaluate"]
    missing = [name for name in expected if name not in vars(exported)]
    if missing:
        # While it is built: the compiler passes this on.
        raise TypeError(f"the class {exported.__name__} has no `{'`, no `'.join(missing)}`")
    for name, function in list(vars(exported).items()):
        if not name.startswith("_") and callable(function):
            setattr(exported, name, _guarded(name, function))
    return exported


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*given: Any) -> Any:
        _close()
        try:
            return _checked(name, function(*given), given)
        except Err:
            raise
        except BaseException as error:  # `SystemExit` as well
            said = _sentence(error)
            if name == "describe":
                # It has no error to return: the host shows the last line that was logged as one.
                logging.log(Level.ERROR, said)
            raise Err(said) from error

    return call


def _sentence(error: BaseException) -> str:
    """The exception's name, what it says, and the last line of the filter's own that led to it."""
    if isinstance(error, _Wrong):
        return str(error)
    # Not by the module `traceback`, which opens the files to show their lines.
    places, at = [], error.__traceback__
    while at is not None:
        places.append((at.tb_frame.f_code.co_filename, at.tb_lineno))
        at = at.tb_next
    own = [(file, line) for file, line in places if file != __file__ and not file.startswith("<") and not _is_library(file)]
    place = f" ({own[-1][0].rpartition('/')[2]}:{own[-1][1]})" if own else ""
    kind = "" if isinstance(error, NotInAFilter) else f"{type(error).__name__}: "
    return f"{kind}{error}{place}"


def _is_library(file: str) -> bool:
    return file.startswith((_LIBRARY, "/python/")) or "site-packages" in file


class _Wrong(Exception):
    """What a function answered is not what the contract says; the text is whole."""


def _checked(name: str, answer: Any, given: tuple[Any, ...]) -> Any:
    if inspect.iscoroutine(answer):
        answer.close()
        raise _Wrong(f"`{name}` answers with a coroutine: no function of a filter may be `async`")
    if name != "evaluate":
        return answer
    products = given[-1]
    if not isinstance(answer, list):
        raise _Wrong(f"`evaluate` answers with {_show(answer)}, and not with a list of decisions")
    for index, decision in enumerate(answer):
        which = f"the decision on `{products[index].id}`" if index < len(products) else f"decision {index}"
        if not isinstance(decision, Decision):
            raise _Wrong(f"{which} is {_show(decision)}, and not a Decision")
        if not isinstance(decision.verdict, Verdict):
            raise _Wrong(f"{which} has the verdict {_show(decision.verdict)}; it must be Verdict.KEEP, EXCLUDE or REJECT")
        if decision.reason is not None and not isinstance(decision.reason, str):
            raise _Wrong(f"{which} has the reason {_show(decision.reason)}; it must be a text, or None")
    return answer


def _show(value: Any) -> str:
    return repr(value) if value is None or isinstance(value, (str, int, float, bool)) else f"a {type(value).__name__}"


class _Late:
    """Refuses to look for modules: there are no files where a filter runs."""

    def find_spec(self, name: str, path: Optional[Any] = None, target: Optional[Any] = None) -> None:
        # Not an ImportError, which some of Python's own modules pass over.
        raise NotInAFilter(
            f"`{name}` is imported while the filter runs, and there are no files then: write `import {name}` at the top of app.py"
        )


class _Log:
    """Where `print` goes: to the log, a line at a time."""

    def __init__(self, level: Level) -> None:
        self.level, self.line = level, ""

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            logging.log(self.level, line)
        return len(text)

    def flush(self) -> None:
        pass


def _refused(text: str) -> Callable[..., Any]:
    def refuse(*_given: Any, **_named: Any) -> Any:
        raise NotInAFilter(text)

    return refuse


class _Date(datetime.date):
    today = classmethod(_refused(NO_CLOCK))


class _Datetime(datetime.datetime):
    now = utcnow = today = classmethod(_refused(NO_CLOCK))


_LIBRARY = os.path.dirname(os.__file__)
_closed = False

# Before the filter's own modules are imported: `from datetime import datetime` has these then. They are read in many places of
# Python's own by the type's name alone.
for _own, _name in ((_Date, "date"), (_Datetime, "datetime")):
    _own.__name__ = _own.__qualname__ = _name
    setattr(datetime, _name, _own)


def _close() -> None:
    """Only where the filter runs: while it is built, imports and the clock are what they are."""
    global _closed
    if _closed:
        return
    _closed = True
    sys.meta_path.insert(0, _Late())
    sys.stdout, sys.stderr = _Log(Level.DEBUG), _Log(Level.WARN)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "sleep"):
        if hasattr(time, name):
            setattr(time, name, _clock(getattr(time, name)) if name == "localtime" else _refused(NO_CLOCK))
    os.urandom = _refused(NO_CHANCE)


def _clock(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that reads the clock only where it is given no moment."""

    def call(*given: Any) -> Any:
        if not given or given[0] is None:
            raise NotInAFilter(NO_CLOCK)
        return function(*given)

    return call
