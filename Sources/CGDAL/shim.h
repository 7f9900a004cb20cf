#ifndef TESSERA_CGDAL_H
#define TESSERA_CGDAL_H

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_srs_api.h>

/* Macros that Swift does not import. */
static inline unsigned tessera_gdal_open_flags(void) {
    return GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR;
}
static inline int tessera_gdal_mask_all_valid(int flags) { return (flags & GMF_ALL_VALID) != 0; }
static inline int tessera_gdal_mask_nodata(int flags) { return (flags & GMF_NODATA) != 0; }

#endif
