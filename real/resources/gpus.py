"""What is used of the GPUs of this machine, according to NVIDIA's driver."""

import logging
from typing import Any

from hetsched.core.events import GpuUse

logger = logging.getLogger(__name__)


class Gpus:
    """The GPUs that NVML shows to this process. There are none without NVML."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        try:
            import pynvml  # not everywhere installed, and of no use without a driver
        except ModuleNotFoundError:
            return
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            logger.debug("no GPU is sampled: %s", error)

    def names(self) -> list[str]:
        """The driver's name for each GPU, such as "NVIDIA A100-SXM4-80GB"."""
        return [str(self._nvml.nvmlDeviceGetName(handle)) for handle in self._handles]

    def use(self) -> tuple[GpuUse, ...]:
        """What is used of each GPU. A GPU that does not report its use (divided into instances, or
        lost) is left out."""
        found = (self._use(number, handle) for number, handle in enumerate(self._handles))
        return tuple(use for use in found if use is not None)

    def _use(self, number: int, handle: Any) -> GpuUse | None:
        nvml = self._nvml
        try:
            busy = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            return GpuUse(f"{number}: {nvml.nvmlDeviceGetName(handle)}", busy, int(memory.used), int(memory.total))
        except nvml.NVMLError as error:
            logger.debug("GPU %d is not sampled: %s", number, error)
            return None
