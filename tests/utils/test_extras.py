import json
import re

import pytest

from kregzoo.utils.extras import import_extra


def test_a_module_that_is_there_is_returned():
    assert import_extra("json", "The report", "report") is json


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.within"])
def test_a_missing_package_is_named_with_its_extra(module):
    words = 'The page needs no_such_package: pip install "kregzoo[app]"'
    with pytest.raises(ImportError, match=re.escape(words)) as error:
        import_extra(module, "The page", "app")
    assert isinstance(error.value.__cause__, ModuleNotFoundError)
