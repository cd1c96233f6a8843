/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts of errors that more than one command replies, as Redis 7.2 words them: clients match on
 * them. */
#ifndef DREY_EXEC_ERRORS_H
#define DREY_EXEC_ERRORS_H

#define ERR_SYNTAX         "ERR syntax error"
#define ERR_WRONG_TYPE     "WRONGTYPE Operation against a key holding the wrong kind of value"
#define ERR_NOT_INTEGER    "ERR value is not an integer or out of range"
#define ERR_NOT_POSITIVE   "ERR value is out of range, must be positive"
#define ERR_NOT_FLOAT      "ERR value is not a valid float"
#define ERR_NO_KEY         "ERR no such key"
#define ERR_OVERFLOW       "ERR increment or decrement would overflow"
#define ERR_NAN_INF        "ERR increment would produce NaN or Infinity"
#define ERR_STRING_LIMIT   "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
#define ERR_OFFSET_RANGE   "ERR offset is out of range"
#define ERR_DB_INDEX       "ERR DB index is out of range"
#define ERR_INVALID_DB     "ERR invalid DB index"
#define ERR_SAME_OBJECT    "ERR source and destination objects are the same"
#define ERR_INVALID_CURSOR "ERR invalid cursor"
#define ERR_NOAUTH         "NOAUTH Authentication required."
#define ERR_WRONGPASS      "WRONGPASS invalid username-password pair or user is disabled."
#define ERR_OOM            "OOM command not allowed when used memory > 'maxmemory'."
#define ERR_NOPROTO        "NOPROTO unsupported protocol version"
#define ERR_TIMEOUT_SIGN   "ERR timeout is negative"
#define ERR_TIMEOUT_RANGE  "ERR timeout is out of range"
#define ERR_MIN_MAX        "ERR value is out of range"
#define ERR_LOADING        "LOADING Redis is loading the dataset in memory"
#define ERR_NOREPLICAS     "NOREPLICAS Not enough good replicas to write."

#endif
