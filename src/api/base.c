/* agencydb/base.h */
#include "agencydb/base.h"

#include "base/error.h"

#include "agencydb/version.h"

const char *agdb_status_name(agdb_status_t status)
{
    return agdb__status_name(status);
}

const char *agdb_status_text(agdb_status_t status)
{
    switch (status) {
#define TEXT(name, value, text)                                                                    \
    case AGDB_E_##name:                                                                            \
        return text;
        AGDB_STATUS_MAP(TEXT)
#undef TEXT
    case AGDB_OK:
        return "success";
    case AGDB_ROLLBACK:
        return "roll the transaction back";
    case AGDB_E__MIN:
        break;
    }
    return "no known status";
}

const char *agdb_version(void)
{
    return AGDB_VERSION;
}

int agdb_version_number(void)
{
    return AGDB_VERSION_NUMBER;
}
