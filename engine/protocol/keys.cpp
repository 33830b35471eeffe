#include "engine/protocol/keys.h"
