"""No child outlives its daemon, however the daemon ends and however the child hangs.

A child that hangs in a call of the package holds the interpreter lock: it notices nothing, so the operating system must
end it. Windows does by a job object that the daemon alone holds, Linux by a signal at the parent's death. Elsewhere the
child's own thread at its standard input has to do.
"""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1
_EXTENDED_LIMITS = 9
_SILENT_BREAKAWAY_OK, _KILL_ON_JOB_CLOSE = 0x1000, 0x2000


class JobLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, as 64-bit Windows lays it out."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("most_process_memory", ctypes.c_size_t),
        ("most_job_memory", ctypes.c_size_t),
    )


class Leash:
    """What ends a child as soon as nobody holds it any more: the system closes it when its owner dies."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Tie a child before it is told anything. Where the system offers nothing, the child looks after itself."""
        self._job: int | None = None
        if sys.platform == "win32":
            self._job = _job_with(int(process._handle))  # type: ignore[attr-defined]  # there is no other way to it

    def close(self) -> None:
        """The child has ended."""
        if sys.platform == "win32" and self._job is not None:
            _kernel32().CloseHandle(self._job)
        self._job = None


def die_with(parent: int) -> None:
    """Called by the child: end when the process that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before
            os._exit(1)


if sys.platform == "win32":

    def _job_with(process: int) -> int | None:
        """A job with the process in it, which ends with its last handle; None where Windows refuses."""
        kernel32 = _kernel32()
        job = kernel32.CreateJobObjectW(None, None)
        if not job:
            return None
        # A terminal that the child starts stays when the daemon goes. (The python.exe of a virtual environment starts
        # the real one, and ties it to itself in the same way.)
        limits = JobLimits(flags=_KILL_ON_JOB_CLOSE | _SILENT_BREAKAWAY_OK)
        size = ctypes.sizeof(limits)
        limited = kernel32.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        if limited and kernel32.AssignProcessToJobObject(job, process):
            return int(job)
        kernel32.CloseHandle(job)
        return None

    def _kernel32() -> ctypes.WinDLL:
        library = ctypes.WinDLL("kernel32")
        library.CreateJobObjectW.restype = ctypes.c_void_p
        library.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p)
        library.SetInformationJobObject.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
        library.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        library.CloseHandle.argtypes = (ctypes.c_void_p,)
        return library
