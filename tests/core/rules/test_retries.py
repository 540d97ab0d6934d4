from core.rules.retries import BURST, RETRY_COSTS, Retries, called, retried


def spent(retries):
    """How many retries there are."""
    count = 0
    while (retries := retried(retries)) is not None:
        count += 1
    return count


def test_a_burst_of_retries_is_there_from_the_beginning_and_no_more():
    assert spent(Retries()) == BURST == 20


def test_calls_save_up_one_retry_in_five():
    retries = Retries(0)
    for _ in range(4):
        retries = called(retries)
    assert retried(retries) is None

    retries = called(retries)

    assert spent(retries) == 1


def test_no_more_than_the_burst_is_saved_up():
    retries = Retries(0)
    for _ in range(1000):
        retries = called(retries)

    assert retries == Retries(BURST * RETRY_COSTS)


def test_in_an_outage_a_fifth_of_the_calls_is_tried_again():
    retries, tried_again = Retries(0), 0
    for _ in range(1000):
        retries = called(retries)
        if (left := retried(retries)) is not None:
            retries, tried_again = left, tried_again + 1

    assert tried_again == 200
