"""The template's functions, callable in this process as Lambda would call them.

One handler runs at a time: Powertools collects the metrics of a request in class attributes, as one Lambda
instance handles one request at a time. Knows nothing of HTTP; imports functions by their handlers' names.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from local.aws.intrinsics import ACCOUNT_ID, Intrinsics
from local.aws.template import REGION, Template, TemplateError

Handler = Callable[[dict[str, Any], "InvocationContext"], Any]


@dataclass(frozen=True)
class InvocationContext:
    """What Lambda gives a handler beside the event."""

    function_name: str
    memory_limit_in_mb: int
    timeout: float
    """Seconds."""
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: float = field(default_factory=time.monotonic)
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where the logs would go."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """Where the logs would go."""
        return "local"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(0, int((self.started_at + self.timeout - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Function:
    """One function with its handler imported."""

    name: str
    handler: Handler
    memory_size: int
    timeout: float
    """Seconds."""
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    """Held while the handler runs."""

    def invoke(self, event: dict[str, Any]) -> Any:
        """Call the handler and return what it returns; its exceptions pass through."""
        with self.turn:
            return self.handler(event, InvocationContext(self.name, self.memory_size, self.timeout))


def load_functions(template: Template, intrinsics: Intrinsics, names: set[str]) -> dict[str, Function]:
    """Import the handlers of the functions named, with their environment set.

    All share this process's environment, so two functions that want different values of one variable are a
    `TemplateError`. A handler that cannot be imported is one too.
    """
    definitions = {
        name: properties
        for name, properties in template.of_type("AWS::Lambda::Function").items()
        if name in names
    }
    os.environ.update(_common_environment(definitions, intrinsics))
    turn = threading.Lock()
    return {
        name: Function(
            name=name,
            handler=_import_handler(name, properties["Handler"]),
            memory_size=int(properties.get("MemorySize", 128)),
            timeout=float(properties.get("Timeout", 3)),
            turn=turn,
        )
        for name, properties in definitions.items()
    }


def _common_environment(
    definitions: Mapping[str, Mapping[str, Any]], intrinsics: Intrinsics
) -> dict[str, str]:
    environment: dict[str, str] = {}
    for name, properties in definitions.items():
        variables = intrinsics.resolve(properties.get("Environment", {}).get("Variables", {}))
        for key, value in variables.items():
            if environment.setdefault(key, str(value)) != str(value):
                raise TemplateError(f"{name} wants {key}={value}, another function {environment[key]}")
    return environment


def _import_handler(name: str, path: str) -> Handler:
    module_name, _, attribute = path.rpartition(".")
    try:
        handler: Handler = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise TemplateError(f"the handler {path} of {name} cannot be imported: {error}") from error
    return handler
