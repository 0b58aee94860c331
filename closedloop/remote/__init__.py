import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

# paramiko imports it, in a third of its own time, for `Match exec` of OpenSSH's configuration, which nobody reads here; where it
# is missing, paramiko goes without.
sys.modules.setdefault("invoke", cast("ModuleType", None))
