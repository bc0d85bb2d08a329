// The same program in C++17: it fills the request's struct.
#include <agencydb.h>

#include <iostream>
#include <memory>

namespace
{
struct Closer {
    void operator()(agdb_t *db) const
    {
        static_cast<void>(agdb_close(db, 1000));
    }
    void operator()(agdb_result_t *res) const
    {
        agdb_result_free(res);
    }
    void operator()(agdb_error_t *err) const
    {
        agdb_error_free(err);
    }
};

int fail(const char *what, agdb_error_t *err)
{
    std::unique_ptr<agdb_error_t, Closer> owned(err);
    std::cerr << what << ": " << agdb_error_message(err) << "\n";
    return 1;
}
} // namespace

int main(int argc, char **argv)
{
    agdb_t *opened = nullptr;
    agdb_result_t *answer = nullptr;
    agdb_error_t *err = nullptr;
    std::int64_t one = 0;

    if (argc != 2)
        return fail("usage: consumer MAP", nullptr);
    if (agdb_open(argv[1], nullptr, &opened, &err) != AGDB_OK)
        return fail("open", err);
    std::unique_ptr<agdb_t, Closer> db(opened);

    const agdb_value_t params[] = {agdb_int8(1)};
    agdb_request_t request = AGDB_REQUEST_INIT;
    request.key = agdb_key("epa");
    request.sql = "SELECT $1::bigint";
    request.params = params;
    request.nparams = 1;
    request.access = AGDB_READ;
    if (agdb_query(db.get(), &request, &answer, &err) != AGDB_OK)
        return fail("query", err);
    std::unique_ptr<agdb_result_t, Closer> res(answer);
    if (agdb_result_int64(res.get(), 0, 0, &one, &err) != AGDB_OK || one != 1)
        return fail("the answer is not 1", err);
    std::cout << agdb_version() << ", shard " << agdb_result_shard(res.get()) << ", node "
              << agdb_result_node(res.get()) << "\n";
    return 0;
}
