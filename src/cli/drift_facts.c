/* One statement for all kinds of objects. Names that a server makes from numbers of its own never
 * appear: internal triggers, TOAST tables and NOT NULL as a named constraint are left out. So is
 * what belongs to an extension, for which its version stands, and what a range type makes. */
#include "cli/drift_facts.h"

/* clang-format off */
static const char k_scope[] =
    "WITH s AS (SELECT oid, quote_ident(nspname) AS schema FROM pg_namespace"
    "  WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'agencydb')"
    "  AND ($1::text IS NULL OR nspname = $1)),"
    " e AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'"
    "  OR deptype = 'i' AND classid = 'pg_proc'::regclass),"
    " r AS (SELECT c.*, schema || '.' || quote_ident(relname) AS object"
    "  FROM pg_class c JOIN s ON s.oid = c.relnamespace"
    "  WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT EXISTS (SELECT FROM e"
    "   WHERE classid = 'pg_class'::regclass AND objid = c.oid)),"
    " a AS (SELECT r.object, 'column ' || quote_ident(attname) AS part, pg_attribute.*"
    "  FROM r JOIN pg_attribute ON attrelid = r.oid"
    "  WHERE attnum > 0 AND NOT attisdropped AND relkind <> 'S'),"
    " d AS (SELECT a.*, pg_get_expr(adbin, adrelid) AS expression"
    "  FROM a JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum),"
    " k AS (SELECT r.object, 'constraint ' || quote_ident(conname) AS part, pg_constraint.*"
    "  FROM r JOIN pg_constraint ON conrelid = r.oid WHERE contype NOT IN ('t', 'n')),"
    " i AS (SELECT r.object, 'index ' || quote_ident(c.relname) AS part, pg_index.*"
    "  FROM r JOIN pg_index ON indrelid = r.oid JOIN pg_class c ON c.oid = indexrelid),"
    " g AS (SELECT r.object, 'trigger ' || quote_ident(tgname) AS part, pg_trigger.*"
    "  FROM r JOIN pg_trigger ON tgrelid = r.oid WHERE NOT tgisinternal),"
    " p AS (SELECT CASE prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate '"
    "   ELSE 'function ' END || schema || '.' || quote_ident(proname)"
    "   || '(' || pg_get_function_identity_arguments(f.oid) || ')' AS object, f.*"
    "  FROM pg_proc f JOIN s ON s.oid = pronamespace WHERE NOT EXISTS (SELECT FROM e"
    "   WHERE classid = 'pg_proc'::regclass AND objid = f.oid)),"
    " t AS (SELECT 'type ' || schema || '.' || quote_ident(typname) AS object, y.*"
    "  FROM pg_type y JOIN s ON s.oid = typnamespace WHERE typtype IN ('e', 'd', 'r')"
    "  AND NOT EXISTS (SELECT FROM e"
    "   WHERE classid = 'pg_type'::regclass AND objid = y.oid)),"
    " facts (object, part, property, value) AS ("
    " SELECT 'schema ' || schema, '', '', 'a schema' FROM s";

/* Tables, views, sequences, composite types. */
static const char k_relations[] =
    " UNION ALL SELECT object, '', '', CASE relkind WHEN 'r' THEN 'a table'"
    "  WHEN 'p' THEN 'a partitioned table' WHEN 'v' THEN 'a view'"
    "  WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'"
    "  WHEN 'S' THEN 'a sequence' ELSE 'a composite type' END FROM r"
    " UNION ALL SELECT object, '', 'definition', 'md5 ' || md5(pg_get_viewdef(oid))"
    "  FROM r WHERE relkind IN ('v', 'm')"
    " UNION ALL SELECT object, '', 'persistence', 'unlogged' FROM r WHERE relpersistence = 'u'"
    " UNION ALL SELECT object, '', 'row security',"
    "  CASE WHEN relforcerowsecurity THEN 'forced' ELSE 'enabled' END"
    "  FROM r WHERE relrowsecurity"
    " UNION ALL SELECT object, '', 'partition key', pg_get_partkeydef(oid)"
    "  FROM r WHERE relkind = 'p'"
    " UNION ALL SELECT object, '', 'partition bound', pg_get_expr(relpartbound, oid)"
    "  FROM r WHERE relispartition"
    " UNION ALL SELECT object, '', 'parent',"
    "  string_agg(quote_ident(nspname) || '.' || quote_ident(c.relname), ', ' ORDER BY inhseqno)"
    "  FROM r JOIN pg_inherits ON inhrelid = r.oid JOIN pg_class c ON c.oid = inhparent"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace GROUP BY object"
    " UNION ALL SELECT object, '', x.name, x.value FROM r JOIN pg_sequence ON seqrelid = r.oid,"
    "  LATERAL (VALUES ('type', format_type(seqtypid, NULL)), ('start', seqstart::text),"
    "   ('increment', seqincrement::text), ('minimum', seqmin::text), ('maximum', seqmax::text),"
    "   ('cycle', seqcycle::text)) x (name, value)";

/* Columns. */
static const char k_columns[] =
    " UNION ALL SELECT object, part, '', format_type(atttypid, atttypmod) FROM a"
    " UNION ALL SELECT object, part, 'nullability',"
    "  CASE WHEN attnotnull THEN 'NOT NULL' ELSE 'NULL' END FROM a"
    " UNION ALL SELECT object, part, 'identity',"
    "  CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END FROM a"
    "  WHERE attidentity <> ''"
    " UNION ALL SELECT object, part,"
    "  CASE WHEN attgenerated = '' THEN 'default' ELSE 'generating expression' END, expression"
    "  FROM d"
    " UNION ALL SELECT object, part, 'collation', quote_ident(collname) FROM a"
    "  JOIN pg_type y ON y.oid = atttypid JOIN pg_collation o ON o.oid = attcollation"
    "  WHERE attcollation <> typcollation";

/* What hangs on tables. An index that a constraint made is said by the constraint. */
static const char k_hangers[] =
    " UNION ALL SELECT object, part, '', pg_get_indexdef(indexrelid) FROM i"
    "  WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid"
    "   AND contype IN ('p', 'u', 'x'))"
    " UNION ALL SELECT object, part, 'state', 'invalid' FROM i WHERE NOT indisvalid"
    " UNION ALL SELECT object, part, '', pg_get_constraintdef(oid) FROM k"
    " UNION ALL SELECT object, part, '', pg_get_triggerdef(oid) FROM g"
    " UNION ALL SELECT object, part, 'state', CASE tgenabled WHEN 'D' THEN 'disabled'"
    "  WHEN 'R' THEN 'replica only' ELSE 'always' END FROM g WHERE tgenabled <> 'O'"
    " UNION ALL SELECT object, 'policy ' || quote_ident(polname), '',"
    "  concat_ws(' ', CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END,"
    "   CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'"
    "   WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, 'USING (' || pg_get_expr(polqual, polrelid) || ')',"
    "   'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')"
    "  FROM r JOIN pg_policy ON polrelid = r.oid";

/* Routines and types. pg_get_functiondef knows no aggregates. */
static const char k_routines[] =
    " UNION ALL SELECT object, '', '', 'a routine' FROM p"
    " UNION ALL SELECT object, '', 'definition', 'md5 ' || md5(CASE WHEN prokind <> 'a'"
    "  THEN pg_get_functiondef(oid) ELSE (SELECT concat_ws(' ', aggtransfn, aggfinalfn,"
    "   aggcombinefn, aggtranstype::regtype, agginitval) FROM pg_aggregate"
    "   WHERE aggfnoid = p.oid) END) FROM p"
    " UNION ALL SELECT object, '', '', CASE typtype"
    "  WHEN 'e' THEN 'an enum of ' || (SELECT string_agg(quote_literal(enumlabel), ', '"
    "   ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)"
    "  WHEN 'd' THEN 'a domain over ' || format_type(typbasetype, typtypmod)"
    "  ELSE 'a range of ' || (SELECT format_type(rngsubtype, NULL) FROM pg_range"
    "   WHERE rngtypid = t.oid) END FROM t"
    " UNION ALL SELECT object, '', 'default', typdefault FROM t"
    "  WHERE typtype = 'd' AND typdefault IS NOT NULL"
    " UNION ALL SELECT object, '', 'nullability', 'NOT NULL' FROM t WHERE typnotnull"
    " UNION ALL SELECT object, 'constraint ' || quote_ident(conname), '',"
    "  pg_get_constraintdef(k.oid) FROM t JOIN pg_constraint k ON contypid = t.oid"
    "  WHERE contype = 'c'"
    " UNION ALL SELECT 'extension ' || quote_ident(extname), '', '', extversion"
    "  FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
    "  WHERE $1::text IS NULL OR nspname = $1)"
    " SELECT object, part, property, coalesce(value, '') FROM facts"
    " ORDER BY object COLLATE \"C\", part COLLATE \"C\", property COLLATE \"C\"";
/* clang-format on */

char *cli_drift_sql(void)
{
    return cli_format("%s%s%s%s%s", k_scope, k_relations, k_columns, k_hangers, k_routines);
}

cli_facts_t cli_drift_facts(const agdb_result_t *res)
{
    cli_facts_t facts = {.count = agdb_result_rows(res)};
    size_t i;

    facts.items = cli_alloc((facts.count + 1) * sizeof *facts.items);
    for (i = 0; i < facts.count; i++)
        facts.items[i] = (cli_fact_t){.object = agdb_result_text(res, i, 0),
                                      .part = agdb_result_text(res, i, 1),
                                      .property = agdb_result_text(res, i, 2),
                                      .value = agdb_result_text(res, i, 3)};
    return facts;
}
