import gc

from runtime.garbage import postpone_collection


def test_nothing_is_collected_while_a_process_starts_and_everything_after() -> None:
    try:
        with postpone_collection():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0, "what was imported is not looked at again"
    finally:
        gc.unfreeze()
