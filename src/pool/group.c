#include "pool/group.h"

#include "base/error.h"

enum { STUCK_US = 1000000, STUCK_FACTOR = 50, SLOW_FACTOR = 8, SLOW_US = 1000 };

agdb__group_fault_t agdb__group_fault(const agdb_error_t *error)
{
    static const char lasting[][6] = {"25001", "2D000", "25P01"};
    static const char passing[][6] = {"40001", "40P01", "55P03", "57014", "26000", "0A000"};
    size_t i;

    if (error == NULL || error->status != AGDB_E_SERVER)
        return AGDB__FAULT_NONE;
    for (i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (strcmp(error->sqlstate, lasting[i]) == 0)
            return AGDB__FAULT_LASTING;
    for (i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (strcmp(error->sqlstate, passing[i]) == 0)
            return AGDB__FAULT_PASSING;
    return AGDB__FAULT_NONE;
}

bool agdb__group_spares(agdb_status_t status)
{
    return status == AGDB_E_LOST || status == AGDB_E_NOT_FRESH;
}

uint64_t agdb__group_stuck_us(uint64_t sent_us, uint64_t expected_us)
{
    return sent_us + STUCK_US + expected_us * STUCK_FACTOR;
}

bool agdb__group_is_slow(uint64_t took_us, uint64_t expected_us)
{
    return took_us > expected_us * SLOW_FACTOR + SLOW_US;
}
