# SPDX-License-Identifier: Apache-2.0
"""multi.py METHOD: a pool, a queue, a lock, shared memory and a manager, by one way to start."""
import multiprocessing as mp
import sys


def square(x):
    return x * x


def add(queue, lock, value):
    with lock:
        value.value += 1
        queue.put(value.value)


def main():
    context = mp.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]
    queue, lock, value = context.Queue(), context.Lock(), context.Value("i", 0)
    children = [context.Process(target=add, args=(queue, lock, value)) for _ in range(2)]
    for child in children:
        child.start()
    assert sorted(queue.get(timeout=60) for _ in children) == [1, 2]
    for child in children:
        child.join()
    assert value.value == 2
    one, other = context.Pipe()
    child = context.Process(target=other.send, args=("x",))
    child.start()
    assert one.recv() == "x"
    child.join()


if __name__ == "__main__":
    main()
