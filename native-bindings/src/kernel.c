#include "addon.h"
void pb_kernel_forget(napi_env env) { (void)env; }
const pb_export pb_kernel_exports[] = {{NULL, NULL}};
