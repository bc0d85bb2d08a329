#include "exec/heap.h"

static void sink(uint32_t *heap, size_t count, size_t place, agdb__before_fn is_before,
                 const void *user)
{
    for (;;) {
        const uint32_t number = heap[place];
        const size_t child = 2 * place + 1;
        size_t least = place;

        if (child < count && is_before(user, heap[child], heap[least]))
            least = child;
        if (child + 1 < count && is_before(user, heap[child + 1], heap[least]))
            least = child + 1;
        if (least == place)
            return;
        heap[place] = heap[least];
        heap[least] = number;
        place = least;
    }
}

void agdb__heap_make(uint32_t *heap, size_t count, agdb__before_fn is_before, const void *user)
{
    size_t i;

    for (i = count / 2; i-- > 0;)
        sink(heap, count, i, is_before, user);
}

void agdb__heap_settle(uint32_t *heap, size_t count, agdb__before_fn is_before, const void *user)
{
    if (count > 1)
        sink(heap, count, 0, is_before, user);
}
