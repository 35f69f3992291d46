"""Workers that come and go, in the orders that are kept of them."""

from pickle import dumps, loads

from hetsched.core.worker_pool import ByType, Ranking, WorkerPool
from hetsched.domain.cluster import Node, NodeId, Worker, cpu_worker

A, B, C = (cpu_worker(Node(NodeId(name), cores), 0, cores) for name, cores in (("a", 1), ("b", 2), ("c", 1)))


def pool_of(*workers: Worker) -> WorkerPool:
    pool = WorkerPool()
    for worker in workers:
        pool[worker.id] = worker
    return pool


def ranked(pool: WorkerPool, ranking: Ranking) -> list[Worker]:
    return [worker for _, _, worker in ranking.up_to_date(lambda worker: 1 / worker.cores)]


def test_a_ranking_follows_the_pool_and_ties_go_to_the_first_that_came() -> None:
    pool = pool_of(A, B, C)
    ranking = Ranking(pool)
    assert ranked(pool, ranking) == [B, A, C]
    del pool[A.id], pool[B.id]
    pool[A.id] = A
    assert ranked(pool, ranking) == [C, A]  # a came back after c


def test_a_worker_on_which_the_trial_does_not_run_is_not_ranked() -> None:
    ranking = Ranking(pool_of(A, B))
    assert [worker for *_, worker in ranking.up_to_date(lambda worker: None if worker == A else 1.0)] == [B]


def test_workers_by_type_come_in_their_turn_and_an_empty_type_is_gone() -> None:
    pool = pool_of(A, B, C)
    types = ByType(pool)
    assert [[*workers] for workers in types.up_to_date().values()] == [[A.id, C.id], [B.id]]
    del pool[B.id], pool[A.id]
    pool[A.id] = A
    assert {kind: [*workers] for kind, workers in types.up_to_date().items()} == {A.type: [C.id, A.id]}


def test_a_pool_that_was_sent_to_another_process_has_its_order_and_no_followers() -> None:
    pool = pool_of(B, A)
    pool.followed()
    sent = loads(dumps(pool))
    assert type(sent) is WorkerPool and list(sent.items()) == list(pool.items())
    del sent[A.id]
    assert pool.pop(A.id, None) == A and pool.pop(A.id, None) is None
