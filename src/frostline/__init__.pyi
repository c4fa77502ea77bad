# The types of the public interface, for editors and type checkers: `__init__.py` loads each name by a text.
from frostline.errors import FrostlineError as FrostlineError
from frostline.errors import InputError as InputError

__version__: str
__all__: list[str]
