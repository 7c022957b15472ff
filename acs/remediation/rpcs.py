"""Every RPC of a CPE, as a playbook calls it: typed results, one step each.

Each returns an ``Outcome``; those that read return with it what was read, which is empty where the outcome is
not ``ok``. CommandKey and ParameterKey are those of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from acs import files as fl
from acs.commands import RefusedRequest
from acs.cwmp import messages as m
from acs.distress import DISTRESS
from acs.errors import AcsError
from acs.remediation.policy import Policy
from acs.remediation.steps import Outcome, StepContext, command_step

__all__ = ["Operation", "Rpcs"]

Operation = m.InstallOperation | m.UpdateOperation | m.UninstallOperation


class Rpcs:
    """The RPCs; ``policy`` says how long is waited for each."""

    policy: Policy

    async def call(
        self, message: m.Message, *, because: str, timeout: float | None = None, detail: str = ""
    ) -> Outcome:
        """Call any RPC, a vendor's (``UnknownMethod``) as well, and wait for what becomes of it."""
        return await self._call(lambda _: message, m.method_name(message), because, timeout, detail)

    async def _call(
        self,
        build: Callable[[StepContext], m.Message],
        name: str,
        because: str,
        timeout: float | None = None,
        detail: str = "",
    ) -> Outcome:
        allowed = timeout or self.policy.timers.session
        result = await command_step(build, name=name, because=because, timeout=allowed, detail=detail)
        return Outcome.from_result(result)

    # --- parameters -----------------------------------------------------------------------

    async def get_values(self, names: Iterable[str], *, because: str) -> tuple[Outcome, dict[str, str]]:
        """Read parameters; a read too large for the device is split."""
        wanted = tuple(names)
        if not wanted:
            return Outcome("succeeded"), {}
        outcome = await self.call(m.GetParameterValues(wanted), because=because, detail=_several(wanted))
        values = _answer(outcome, m.GetParameterValuesResponse)
        return outcome, {} if values is None else {each.name: each.value for each in values.parameters}

    async def set_values(self, values: Iterable[m.ParameterValue], *, because: str) -> Outcome:
        """Set parameters, all or none; ``parameter_faults`` of the outcome tell which were refused."""
        batch = tuple(values)
        return await self._call(
            lambda context: m.SetParameterValues(batch, context.key),
            "SetParameterValues",
            because,
            detail=_several(tuple(each.name for each in batch)),
        )

    async def get_names(
        self, path: str, *, next_level: bool = True, because: str
    ) -> tuple[Outcome, tuple[m.ParameterInfo, ...]]:
        """List what is below a path."""
        outcome = await self.call(m.GetParameterNames(path, next_level), because=because, detail=path)
        names = _answer(outcome, m.GetParameterNamesResponse)
        return outcome, () if names is None else names.parameters

    async def get_attributes(
        self, names: Iterable[str], *, because: str
    ) -> tuple[Outcome, dict[str, m.ParameterAttribute]]:
        """Read notification and access list, by name."""
        wanted = tuple(names)
        outcome = await self.call(m.GetParameterAttributes(wanted), because=because, detail=_several(wanted))
        found = _answer(outcome, m.GetParameterAttributesResponse)
        return outcome, {} if found is None else {each.name: each for each in found.parameters}

    async def set_attributes(self, request: m.SetParameterAttributes, *, because: str) -> Outcome:
        """Set notification attributes."""
        return await self.call(request, because=because)

    async def add_object(self, table: str, *, because: str) -> tuple[Outcome, int | None]:
        """Add an instance to a table; return its number. One whose answer was lost is not added twice."""
        outcome = await self._call(
            lambda context: m.AddObject(table, context.key), "AddObject", because, detail=table
        )
        added = _answer(outcome, m.AddObjectResponse)
        return outcome, None if added is None else added.instance_number

    async def delete_object(self, path: str, *, because: str) -> Outcome:
        """Delete an instance and what is below it."""
        return await self._call(
            lambda context: m.DeleteObject(path, context.key), "DeleteObject", because, detail=path
        )

    # --- restarts and sessions ------------------------------------------------------------

    async def reboot(self, *, because: str) -> Outcome:
        """Reboot the device; done when it says ``M Reboot`` with this step's key."""
        return await self._call(
            lambda context: m.Reboot(context.key), "Reboot", because, self.policy.timers.reboot
        )

    async def factory_reset(self, *, because: str) -> Outcome:
        """Reset the device to factory defaults; done when it says ``0 BOOTSTRAP``."""
        return await self._call(
            lambda _: m.FactoryReset(), "FactoryReset", because, self.policy.timers.factory_reset
        )

    async def schedule_inform(self, seconds: int, *, because: str) -> Outcome:
        """Have the device open a session in so many seconds, with ``M ScheduleInform``."""
        return await self._call(
            lambda context: m.ScheduleInform(seconds, context.key), "ScheduleInform", because
        )

    # --- files ----------------------------------------------------------------------------

    async def download(self, image: Mapping[str, Any], *, because: str) -> Outcome:
        """Have the device download a file of the catalogue; done when it says TransferComplete."""

        def build(context: StepContext) -> m.Message:
            url = _file_url(context, image)
            return m.Download(context.key, image["file_type"], url, file_size=image["size"])

        return await self._call(build, "Download", because, self.policy.timers.download, str(image["name"]))

    async def schedule_download(
        self, image: Mapping[str, Any], windows: Iterable[m.TimeWindow], *, because: str
    ) -> Outcome:
        """Have the device download a file within time windows; done when it says TransferComplete."""
        spans = tuple(windows)

        def build(context: StepContext) -> m.Message:
            url = _file_url(context, image)
            request = m.ScheduleDownload(context.key, image["file_type"], url, file_size=image["size"])
            return replace(request, time_windows=spans)

        timeout = max((each.window_end for each in spans), default=0) + self.policy.timers.download
        return await self._call(build, "ScheduleDownload", because, timeout, str(image["name"]))

    async def upload(self, file_type: str, *, because: str, timeout: float | None = None) -> Outcome:
        """Have the device send a file to this HeMS; done when it says TransferComplete.

        Failed with fault 9003 where this HeMS has no URL to send it to.
        """

        def build(context: StepContext) -> m.Message:
            try:
                url = context.env.upload_url(context.device.id, file_type, context.key, context.now)
            except AcsError as error:
                raise RefusedRequest(str(error)) from error
            return m.Upload(context.key, file_type, url)

        allowed = timeout or self.policy.timers.download
        return await self._call(build, "Upload", because, allowed, file_type)

    async def cancel_transfer(self, command_key: str, *, because: str) -> Outcome:
        """Withdraw a transfer by its CommandKey; fault 9021 where it is too late."""
        return await self.call(m.CancelTransfer(command_key), because=because, detail=command_key)

    async def queued_transfers(self, *, because: str) -> tuple[Outcome, tuple[m.QueuedTransfer, ...]]:
        """List the transfers that the device has in hand, whoever asked for them."""
        outcome = await self.call(m.GetAllQueuedTransfers(), because=because)
        found = _answer(outcome, m.GetAllQueuedTransfersResponse)
        return outcome, () if found is None else found.transfers

    async def asked_transfers(self, *, because: str) -> tuple[Outcome, tuple[m.QueuedTransfer, ...]]:
        """List the transfers an ACS asked for, of a device of CWMP 1.0 (GetQueuedTransfers)."""
        outcome = await self.call(m.GetQueuedTransfers(), because=because)
        found = _answer(outcome, m.GetQueuedTransfersResponse)
        return outcome, () if found is None else found.transfers

    # --- software modules, options, methods -----------------------------------------------

    async def change_du_state(
        self, operations: Iterable[Operation], *, because: str
    ) -> tuple[Outcome, tuple[m.OperationResult, ...]]:
        """Change deployment units; the results are per operation, also where some of them failed."""
        wanted = tuple(operations)
        outcome = await self._call(
            lambda context: m.ChangeDUState(context.key, wanted),
            "ChangeDUState",
            because,
            self.policy.timers.download,
            f"{len(wanted)} operations",
        )
        answer = outcome.answer
        return outcome, answer.results if isinstance(answer, m.DUStateChangeComplete) else ()

    async def get_options(
        self, name: str = "", *, because: str
    ) -> tuple[Outcome, tuple[m.OptionStruct, ...]]:
        """Read options that vouchers enabled (deprecated in TR-069)."""
        outcome = await self.call(m.GetOptions(name), because=because, detail=name)
        found = _answer(outcome, m.GetOptionsResponse)
        return outcome, () if found is None else found.options

    async def set_vouchers(self, vouchers: Iterable[str], *, because: str) -> Outcome:
        """Load vouchers, each in base64 (deprecated in TR-069)."""
        return await self.call(m.SetVouchers(tuple(vouchers)), because=because)

    async def methods(self, *, because: str) -> tuple[Outcome, tuple[str, ...]]:
        """Ask which methods the device knows."""
        outcome = await self.call(m.GetRPCMethods(), because=because)
        found = _answer(outcome, m.GetRPCMethodsResponse)
        return outcome, () if found is None else found.methods

    async def vendor(
        self, name: str, arguments: Iterable[tuple[str, str]] = (), *, namespace: str = "", because: str
    ) -> tuple[Outcome, tuple[tuple[str, str], ...]]:
        """Call a vendor's method ``X_<OUI>_<Name>`` with arguments of text; return those of its answer."""
        outcome = await self.call(m.UnknownMethod(namespace, name, tuple(arguments)), because=because)
        found = _answer(outcome, m.UnknownMethod)
        return outcome, () if found is None else found.arguments


def _file_url(context: StepContext, image: Mapping[str, Any]) -> str:
    """Return where the device gets a file of the catalogue that it may have; ``AcsError`` for another."""
    fl.demand_file(context.conn, context.device, image["name"], context.env.policy.minimal_versions)
    make = context.env.file_url
    if context.device.channel == DISTRESS and context.env.distress_file_url is not None:
        make = context.env.distress_file_url
    return make(context.device.id, image["name"], context.now)


def _several(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} names"


def _answer(outcome: Outcome, kind: type[Any]) -> Any:
    """Return the answer of an outcome that is ok; None for any other."""
    return outcome.answer if outcome.ok and isinstance(outcome.answer, kind) else None
