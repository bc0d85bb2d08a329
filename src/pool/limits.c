#include "pool/limits.h"

#include "base/clock.h"

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_LAST_MS = 1000,
    BACKOFF_REFUSED_MS = 3000,
    BACKOFF_DOUBLINGS = 5
};

unsigned agdb__pool_growth(const agdb__pool_limits_t *limits, const agdb__pool_load_t *load)
{
    unsigned total = load->open + load->connecting;
    unsigned floor = limits->min > 0 || load->verified ? limits->min : 1;
    unsigned want = load->waiting > load->connecting ? load->waiting - load->connecting : 0;

    if (total < floor && floor - total > want)
        want = floor - total;
    if (load->doubted && want == 0 && load->connecting == 0)
        want = 1;
    if (total >= limits->max || load->connecting >= limits->handshakes)
        return 0;
    if (want > limits->max - total)
        want = limits->max - total;
    if (want > limits->handshakes - load->connecting)
        want = limits->handshakes - load->connecting;
    return want;
}

uint64_t agdb__connect_backoff_ms(agdb__rng_t *rng, unsigned failures,
                                  agdb__connect_trouble_t trouble)
{
    uint64_t ms = trouble == AGDB__TROUBLE_REFUSED ? BACKOFF_REFUSED_MS : BACKOFF_LAST_MS;

    if (trouble != AGDB__TROUBLE_OVERLOAD && failures < BACKOFF_DOUBLINGS)
        ms = (uint64_t)BACKOFF_FIRST_MS << (failures > 0 ? failures - 1 : 0);
    return agdb__rng_jitter(rng, ms);
}

bool agdb__pool_is_spent(const agdb__pool_limits_t *limits, unsigned open, uint64_t now_us,
                         uint64_t used_us, uint64_t expires_us)
{
    if (now_us >= expires_us)
        return true;
    return open > limits->min && now_us >= agdb__after_ms(used_us, limits->idle_ms);
}
