#include "engine/client/client.h"
