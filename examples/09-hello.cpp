// The first query in C++17: requests are filled field by field, owners are unique_ptr.
#include <agencydb.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

struct Close {
    void operator()(agdb_t *db) const
    {
        agdb_close(db, 1000);
    }
    void operator()(agdb_result_t *res) const
    {
        agdb_result_free(res);
    }
};
using Client = std::unique_ptr<agdb_t, Close>;
using Result = std::unique_ptr<agdb_result_t, Close>;

[[noreturn]] static void fail(agdb_error_t *err)
{
    std::string text = agdb_error_message(err);
    agdb_error_free(err);
    throw std::runtime_error(text);
}

static Client open(const char *path)
{
    agdb_t *db = nullptr;
    agdb_error_t *err = nullptr;
    if (agdb_open(path, nullptr, &db, &err) != AGDB_OK)
        fail(err);
    return Client(db);
}

static Result query(agdb_t *db, const agdb_request_t &request)
{
    agdb_result_t *res = nullptr;
    agdb_error_t *err = nullptr;
    if (agdb_query(db, &request, &res, &err) != AGDB_OK)
        fail(err);
    return Result(res);
}

int main(int argc, char **argv)
try {
    Client db = open(argc > 1 ? argv[1] : "shardmap.yaml");
    const agdb_value_t params[] = {agdb_text("us/ca/dph"), agdb_int4(41)};
    agdb_request_t request = AGDB_REQUEST_INIT;
    request.key = agdb_key("us/ca/dph");
    request.sql = "SELECT $1 || ' reports ' || $2 || ' cases'";
    request.params = params;
    request.nparams = 2;
    request.access = AGDB_READ_REPLICA_OK;

    Result res = query(db.get(), request);
    std::printf("%s\nanswered by shard %s\n", agdb_result_text(res.get(), 0, 0),
                agdb_result_shard(res.get()));
    return 0;
} catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
