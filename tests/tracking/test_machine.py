"""What stands beside a training about its machine."""

import importlib.metadata

from frostline.tracking import machine


def test_requirements_are_all_that_is_installed() -> None:
    """As the library for metadata has them, sorted by name."""
    packages = {one.name: one.version for one in importlib.metadata.distributions() if one.name}
    pins = machine.requirements()
    assert sorted(pins) == sorted(f"{name}=={version}" for name, version in packages.items())
    assert [pin.lower() for pin in pins] == sorted(
        (pin.lower() for pin in pins), key=lambda pin: pin.partition("==")[0]
    )
