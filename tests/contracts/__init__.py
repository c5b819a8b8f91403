"""The contracts of the ports, as tests that every adapter passes.

One module a port, of the same name; in each a *suite* and the *world* that it is tried on. An adapter is put
to the test by a class of tests that inherits the suite, and a fixture ``world`` that gives such a world::

    class TestLvmPool(BlockStorageContract):
        @pytest.fixture
        def world(self) -> Iterator[LvmWorld]: ...

A world has ports of which the one under test counts, and does to the host what no port does: takes its pool
away, holds a file open, leaves what a killed call leaves.
"""

from pkgutil import iter_modules

import pytest

# Their asserts explain themselves as those of a module of tests do.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))
