import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from types import ModuleType


def _in_part(spec: ModuleSpec) -> "ModuleType":
    """Return a package whose modules can be imported alone; whoever asks for more makes it whole."""
    package = module_from_spec(spec)

    def more(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if find_spec(f"{spec.name}.{name}"):
            return import_module(f"{spec.name}.{name}")
        del vars(package)["__getattr__"]
        if spec.loader:
            spec.loader.exec_module(package)
        return getattr(package, name)

    # What it calls itself before a server; its own number is searched for on the disk.
    vars(package).update(__getattr__=more, __version__="closedloop")
    return package


# paramiko imports it, in a third of its own time, for `Match exec` of OpenSSH's configuration, which nobody reads here; where it
# is missing, paramiko goes without.
sys.modules.setdefault("invoke", cast("ModuleType", None))
if "paramiko" not in sys.modules and (found := find_spec("paramiko")):
    sys.modules["paramiko"] = _in_part(found)
