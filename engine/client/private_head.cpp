#include "engine/client/private_head.h"
