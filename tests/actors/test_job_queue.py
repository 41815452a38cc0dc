from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.job_queue import JobQueue

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "discard", "first", "sort"]), st.integers(0, 9), st.frozensets(st.integers(0, 2))
    ),
    max_size=60,
)


def kind_of(job_id: UUID) -> str:
    return str(job_id.int % 3)


@given(STEPS)
def test_it_is_a_list_of_jobs(steps: list[tuple[str, int, frozenset[int]]]) -> None:
    queue, model = JobQueue(), []
    for action, number, kinds in steps:
        job_id = UUID(int=number)
        if action == "add":
            queue.add(job_id, kind_of(job_id))
            model += [job_id] if job_id not in model else []
        elif action == "discard":
            queue.discard(job_id)
            model = [known for known in model if known != job_id]
        elif action == "sort":
            queue.sort(kind_of)
        else:
            may_go = {str(kind) for kind in kinds}
            first = next((known for known in model if kind_of(known) in may_go), None)
            assert queue.first(may_go.__contains__) == first
        assert len(queue) == len(model)
        assert (job_id in queue) == (job_id in model)


def test_jobs_keep_their_places_when_kinds_change() -> None:
    queue = JobQueue()
    for number in range(6):
        queue.add(UUID(int=number))

    queue.sort(kind_of)

    assert queue.first({"1", "2"}.__contains__) == UUID(int=1)
    queue.sort(lambda job_id: "")
    assert queue.first({""}.__contains__) == UUID(int=0)
