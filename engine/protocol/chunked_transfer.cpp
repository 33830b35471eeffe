#include "engine/protocol/chunked_transfer.h"
