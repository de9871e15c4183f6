#ifndef PERFBROKER_CRC32C_H
#define PERFBROKER_CRC32C_H

/* Chooses the body and makes its constants; called by the entry before any checksum is asked for. */
void pb_crc32c_prepare(void);

#endif
