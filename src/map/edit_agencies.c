#include "map/edit_impl.h"
#include "map/hash.h"
#include "map/text.h"

/* The section `agencies:`: its entries are found, added and taken out. */

enum { STEP = 2 };

/* --- finding -----------------------------------------------------------------------------------
 */

agdb_status_t agdb__edit_check_key(agdb__edit_t *e, agdb_bytes_t key)
{
    if (key.data != NULL && key.len >= 1 && key.len <= AGDB_KEY_MAX)
        return AGDB_OK;
    return agdb__fail(e->reterr, AGDB_E_INVAL, "an agency key has 1 to %d bytes, and not %zu",
                      AGDB_KEY_MAX, key.data != NULL ? key.len : 0);
}

const char *agdb__edit_key_text(agdb_bytes_t key, char buf[AGDB__KEY_TEXT])
{
    const agdb__map_agency_t agency = {.key = key.data, .key_len = key.len};

    return agdb__key_text(&agency, buf);
}

static bool is_key(const agdb__tree_t *key, agdb_bytes_t bytes)
{
    const unsigned char *byte = bytes.data;
    size_t i;

    if (key->len < 4 || memcmp(key->text, "hex:", 4) != 0)
        return key->len == bytes.len && memcmp(key->text, bytes.data, bytes.len) == 0;
    if (key->len != 4 + 2 * bytes.len)
        return false;
    for (i = 0; i < bytes.len; i++)
        if (agdb__text_hex(key->text[4 + 2 * i]) != byte[i] >> 4 ||
            agdb__text_hex(key->text[5 + 2 * i]) != (byte[i] & 15))
            return false;
    return true;
}

agdb__tree_t *agdb__edit_agency(const agdb__edit_t *e, agdb_bytes_t key)
{
    const agdb__tree_t *agencies = agdb__tree_key(e->root, "agencies");
    agdb__tree_t *agency = agencies != NULL ? agencies->of->first : NULL;

    while (agency != NULL && !is_key(agency, key))
        agency = agency->next;
    return agency;
}

/* --- adding ------------------------------------------------------------------------------------
 */

/* The agency like the one before it; NULL: there is none. */
static void add_agency(const agdb__edit_t *e, agdb__buf_t *out, agdb_bytes_t key, const char *says,
                       const agdb__tree_t *like)
{
    const char *text = agdb__edit_key_text(key, (char[AGDB__KEY_TEXT]){0});

    agdb__entry_text(out, text, strlen(text), e->json);
    if (like != NULL && !like->of->is_flow)
        agdb__buf_printf(out, ":\n%*s%s", (int)(like->of->column - like->column), "", says);
    else
        agdb__buf_printf(out, ": { %s }", says);
}

/* All of them in a section that has none so far. */
static void add_first(const agdb__edit_t *e, agdb__buf_t *out, const agdb__agencies_t *add,
                      const char *between)
{
    size_t i;

    for (i = 0; i < add->count; i++) {
        if (i > 0)
            agdb__buf_text(out, between);
        add_agency(e, out, add->key[i], add->says, NULL);
    }
}

static void add_flow_section(agdb__edit_t *e, const agdb__agencies_t *add)
{
    agdb__buf_t text = agdb__edit_piece();

    agdb__entry_key(&text, "agencies", e->json);
    agdb__buf_text(&text, "{ ");
    add_first(e, &text, add, ", ");
    agdb__buf_text(&text, " }");
    agdb__layout_add(&e->layout, e->root, NULL, agdb__edit_keep(e, &text));
}

static void add_block_section(agdb__edit_t *e, const agdb__agencies_t *add)
{
    const agdb__tree_t *keyspaces = agdb__tree_key(e->root, "keyspaces");
    const size_t step = keyspaces->of->is_flow ? STEP : keyspaces->of->column - keyspaces->column;
    agdb__buf_t between = agdb__edit_piece();
    agdb__buf_t text = agdb__edit_piece();
    const char *line;

    agdb__buf_printf(&between, "\n%*s", (int)step, "");
    line = agdb__edit_keep(e, &between);
    if (agdb__layout_is_apart(&e->layout, e->root->last))
        agdb__buf_text(&text, "\n");
    agdb__buf_text(&text, "agencies:");
    agdb__buf_text(&text, line);
    add_first(e, &text, add, line);
    agdb__layout_add(&e->layout, e->root, NULL, agdb__edit_keep(e, &text));
}

static void add_to_section(agdb__edit_t *e, const agdb__tree_t *section,
                           const agdb__agencies_t *add)
{
    agdb__buf_t text = agdb__edit_piece();
    size_t i;

    if (section->last == NULL) {
        add_first(e, &text, add, ", ");
        agdb__layout_add(&e->layout, section, NULL, agdb__edit_keep(e, &text));
        return;
    }
    for (i = 0; i < add->count; i++) {
        text = agdb__edit_piece();
        add_agency(e, &text, add->key[i], add->says, section->last);
        agdb__layout_add(&e->layout, section, NULL, agdb__edit_keep(e, &text));
    }
}

void agdb__edit_add_agencies(agdb__edit_t *e, const agdb__agencies_t *add)
{
    const agdb__tree_t *agencies = agdb__tree_key(e->root, "agencies");

    if (add->count == 0)
        return;
    if (agencies != NULL)
        add_to_section(e, agencies->of, add);
    else if (e->root->is_flow)
        add_flow_section(e, add);
    else
        add_block_section(e, add);
}

/* --- taking out --------------------------------------------------------------------------------
 */

static bool drops_all(const agdb__tree_t *section)
{
    const agdb__tree_t *agency = section->first;

    while (agency != NULL && agency->is_dropped)
        agency = agency->next;
    return agency == NULL;
}

agdb_status_t agdb__edit_drop_agencies(agdb__edit_t *e)
{
    agdb__tree_t *agencies = agdb__tree_key(e->root, "agencies");

    if (drops_all(agencies->of) && !agdb__layout_has_remarks(&e->layout, agencies) &&
        agdb__layout_drop_section(&e->layout, e->root, agencies))
        return AGDB_OK;
    return agdb__edit_drop(e, agencies);
}
