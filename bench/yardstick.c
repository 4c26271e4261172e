/* The least that any milter over LMDB can do, as a yardstick for ours.
 *
 *   cc -O2 -o yardstick yardstick.c -lmilter -llmdb
 *   yardstick unix:/path/of/socket /path/of/store
 *
 * One process on libmilter. At RCPT it asks the store's lock table for the address in lower
 * case, then for its domain, and refuses what it finds. It knows no scope, no expiry, no
 * exemption and no log; it asks for no other step and no macro.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <libmilter/mfapi.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 512 };

static MDB_env *env;
static MDB_dbi locks;

static int is_locked(MDB_txn *txn, char *address, size_t length) {
    MDB_val key = {length, address}, record;
    if (mdb_get(txn, locks, &key, &record) == 0) return 1;
    char *at = memrchr(address, '@', length);
    if (!at) return 0;
    key.mv_size = length - (at - address);
    key.mv_data = at;
    return mdb_get(txn, locks, &key, &record) == 0;
}

/* Each session keeps its read transaction and renews it. */
static MDB_txn *reading(SMFICTX *session) {
    MDB_txn *txn = smfi_getpriv(session);
    if (txn) return mdb_txn_renew(txn) ? NULL : txn;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) return NULL;
    smfi_setpriv(session, txn);
    return txn;
}

static sfsistat rcpt(SMFICTX *session, char **arguments) {
    char address[ROOM];
    size_t length = 0;
    for (const char *c = arguments[0]; *c && length < ROOM; c++)
        if (*c != '<' && *c != '>') address[length++] = tolower((unsigned char)*c);
    MDB_txn *txn = reading(session);
    if (!txn) return SMFIS_TEMPFAIL;
    int locked = is_locked(txn, address, length);
    mdb_txn_reset(txn);
    if (!locked) return SMFIS_CONTINUE;
    smfi_setreply(session, "550", "5.1.1", "Recipient address rejected: locked");
    return SMFIS_REJECT;
}

static sfsistat end(SMFICTX *session) {
    MDB_txn *txn = smfi_getpriv(session);
    if (txn) mdb_txn_abort(txn);
    smfi_setpriv(session, NULL);
    return SMFIS_CONTINUE;
}

static sfsistat negotiate(SMFICTX *session, unsigned long actions, unsigned long offered,
                          unsigned long unused2, unsigned long unused3, unsigned long *wanted_actions,
                          unsigned long *wanted_steps, unsigned long *wanted2, unsigned long *wanted3) {
    (void)session, (void)actions, (void)unused2, (void)unused3;
    *wanted_actions = *wanted2 = *wanted3 = 0;
    *wanted_steps = offered & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NODATA |
                               SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN);
    return SMFIS_CONTINUE;
}

static int open_store(const char *folder) {
    MDB_txn *txn;
    return mdb_env_create(&env) || mdb_env_set_maxdbs(env, 32) ||
           /* Nothing is written while the benchmark runs, so that no lock file is needed. */
           mdb_env_open(env, folder, MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK, 0) ||
           mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || mdb_dbi_open(txn, "locks", 0, &locks) ||
           mdb_txn_commit(txn);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: yardstick SOCKET STORE\n");
        return 64;
    }
    if (open_store(arguments[2])) {
        fprintf(stderr, "yardstick: cannot read the store %s\n", arguments[2]);
        return 66;
    }
    struct smfiDesc milter = {
        .xxfi_name = "yardstick",
        .xxfi_version = SMFI_VERSION,
        .xxfi_envrcpt = rcpt,
        .xxfi_close = end,
        .xxfi_negotiate = negotiate,
    };
    smfi_setconn(arguments[1]);
    smfi_register(milter);
    return smfi_main();
}
