"""The route class of every operation: guard, body, opening batch, handler, COMMIT, event."""

from contextlib import suppress

from fastapi import Request, Response
from fastapi.routing import APIRoute, _effective_route_context_var
from msgspec import json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope as ASGIScope
from typing_extensions import override

from shared_lib.audit import Outcome
from shared_lib.caller import caller_of
from shared_lib.errors import ApiError, AuditUnavailable, InternalError, OutcomeUnknown, answer
from shared_lib.tenancy._access import Scope
from shared_lib.tenancy._direct import Handler
from shared_lib.tenancy._operation import Operation, UndeclaredAccess, operation_of
from shared_lib.tenancy._repeat import Repeat, repeat_of
from shared_lib.tenancy._transaction import Tx
from shared_lib.tenancy._unit import Runtime, Unit

_ERRORS, _FAULTS = 400, 500
_TELLS_LENGTH = ("1.0", "1.1")
_LENGTHS = (b"content-length", b"transfer-encoding")
_REPLAYED = "idempotency_replayed"  # what an event says of an answer that was given again


class OperationRoute(APIRoute):
    """An APIRoute that admits each request before anything of it runs."""

    @override
    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        operation = _operation_being_built(self)

        async def serve_declared(request: Request) -> Response:
            if operation is None:
                raise UndeclaredAccess(self.name)
            return await serve(operation, request, handler)

        return serve_declared


async def serve(operation: Operation, request: Request, handler: Handler) -> Response:
    """Admit `request` to `operation`, and have `handler` answer it."""
    runtime: Runtime = request.app.state.runtime
    unit: Unit[Tx] = Unit(runtime, operation, caller_of(request))
    request.scope["state"]["unit"] = unit
    if not unit.is_recorded():
        return await _perform(unit, request, handler)
    return await _perform_recorded(unit, request, handler)


async def _perform(unit: Unit[Tx], request: Request, handler: Handler) -> Response:
    operation, token = unit.operation, unit.caller.token
    operation.check(token)
    # In full, before a connection is taken: a slow client must not hold one.
    if _may_have_body(request.scope):
        await request.body()
    if operation.transactions == "none":
        return await handler(request)
    unit.repeat = await repeat_of(unit.runtime.answers, operation.idempotent, token, request)
    if operation.transactions == "own":
        return await _perform_own(unit, request, handler)
    tx = await unit.begin()
    looked = False
    try:
        request.scope["state"]["tx"] = tx
        response = await unit.repeat.find(tx) if unit.repeat else None
        looked = True
        if response is not None:
            await unit.record(tx, request, Outcome.SUCCEEDED, _REPLAYED)
        else:
            response = await handler(request)
            if unit.repeat:
                await unit.repeat.keep(tx, response)
            await unit.record(tx, request, *_outcome(response.status_code))
        await unit.commit(tx)
    except BaseException as error:
        await tx.abort()
        if unit.repeat and looked and _is_refusal(error):
            response = await _kept_meanwhile(unit, unit.repeat, request)
            if response is not None:
                return response
        raise
    return response


async def _kept_meanwhile(unit: Unit[Tx], repeat: Repeat, request: Request) -> Response | None:
    """The answer of the same request when it was faster by a moment: committed after this one had
    looked for its key, and before this one had the key's lock. This one was refused for what that
    has done.
    """
    async with unit.transaction() as tx:
        response = await repeat.find(tx)
        if response is not None:
            await unit.record(tx, request, Outcome.SUCCEEDED, _REPLAYED)
    return response


def _is_refusal(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.status < _FAULTS
    return isinstance(error, HTTPException) and error.status_code < _FAULTS


def _may_have_body(scope: ASGIScope) -> bool:
    """False where HTTP rules a body out (RFC 9112 section 6.3): it then need not be waited for."""
    if scope.get("http_version") not in _TELLS_LENGTH:
        return True
    return any(name in _LENGTHS for name, _ in scope["headers"])


async def _perform_own(unit: Unit[Tx], request: Request, handler: Handler) -> Response:
    """The handler opens its own transactions; one before it admits, and reserves the key."""
    if unit.operation.scope is not Scope.PUBLIC:  # which has nobody to admit
        async with unit.transaction() as tx:
            if unit.repeat:
                await unit.repeat.reserve(tx)
    try:
        response = await handler(request)
    except BaseException:
        await unit.release()
        raise
    if unit.repeat and not unit.completed:
        await unit.release()
        if response.status_code < _ERRORS:
            raise LookupError(f"{unit.operation.name} has not completed its Idempotency-Key")
    return response


async def _perform_recorded(unit: Unit[Tx], request: Request, handler: Handler) -> Response:
    try:
        response = await _perform(unit, request, handler)
    except ClientDisconnect:
        raise  # nothing was asked for: the request never came in full
    except OutcomeUnknown:
        # If it was committed, that told of it; that it was not is all that may stay untold.
        with suppress(AuditUnavailable):
            await unit.record_apart(request, Outcome.FAILED, OutcomeUnknown.code)
        raise
    except Exception as error:
        status, code = _answer(error, request)
        outcome = _outcome(status)[0]
        if outcome is Outcome.SUCCEEDED and unit.operation.writes:
            # Whatever is answered, what was raised has rolled the change back.
            outcome, code = Outcome.REFUSED, f"http_{status}"
        await unit.record_apart(request, outcome, code)
        raise
    if not unit.recorded:
        await unit.record_apart(request, *_outcome(response.status_code))
    return response


def _outcome(status: int) -> tuple[Outcome, str | None]:
    """What an answer of this status tells, and its code where the answer names none."""
    if status < _ERRORS:
        return Outcome.SUCCEEDED, None
    return Outcome.REFUSED if status < _FAULTS else Outcome.FAILED, f"http_{status}"


def _answer(error: Exception, request: Request) -> tuple[int, str | None]:
    """Status and code of the answer that `error` becomes; a redirect has no code."""
    response = answer(error, request.scope)
    if response is None:
        return InternalError.status, InternalError.code
    if response.status_code < _ERRORS:
        return response.status_code, None
    return response.status_code, json.decode(response.body)["detail"]


def _operation_being_built(route: APIRoute) -> Operation | None:
    """The operation of `route` as it is included; None where it declares no access.

    FastAPI builds the handler of an included route once per inclusion, so that guards of the
    inclusion count. None is found by the gate, which refuses to start.
    """
    effective = _effective_route_context_var.get()
    included = effective is not None and effective.original_route is route
    try:
        return operation_of(effective if included else route)
    except UndeclaredAccess:
        return None
