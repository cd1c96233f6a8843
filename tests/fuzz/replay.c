/* SPDX-License-Identifier: BSD-3-Clause */
/* A plain main for a fuzz target: runs every file of the directories given through it, so that what
 * fuzzing once found stays tested under any compiler. An input that breaks the target ends the
 * process. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(file);
    uint8_t *data =
        malloc(size + !size); /* exactly as long as the input: reading past it is seen */
    rewind(file);
    if (!data || fread(data, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int replay_directory(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), replayed = 0;
    if (n < 0) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            replay_file(file);
            replayed++;
        }
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

int main(int argc, char **argv) {
    int replayed = 0;
    for (int i = 1; i < argc; i++) replayed += replay_directory(argv[i]);
    printf("%d passed, 0 failed\n", replayed);
    return replayed == 0;
}
