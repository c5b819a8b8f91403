"""The contracts of the ports, as tests that every adapter passes.

One module for each port, of the same name, with a *suite* and the *world* in which it runs. To test an
adapter, a test class inherits the suite, and a fixture ``world`` returns such a world::

    class TestLvmPool(BlockStorageContract):
        @pytest.fixture
        def world(self) -> Iterator[LvmWorld]: ...

A world has ports, among them the one under test, and does to the host what no port does: it takes a pool
away, holds a file open, leaves what a killed call leaves.
"""

from pkgutil import iter_modules

import pytest

# So that their asserts explain themselves like those of test modules.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))
