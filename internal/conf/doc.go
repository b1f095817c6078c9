// Package conf loads one configuration struct from its defaults, a YAML file and
// the environment, says where each value came from, and writes the reference of
// the struct from the comments of its fields. It knows no system: the struct
// belongs to the caller.
//
// # The struct
//
// Every exported field has a yaml tag: its key, in small letters, digits and
// underscores, or "-" for a field that is not configuration. Its type is one of
//
//   - a value: string, bool, integers, floats, [time.Duration] ("10m", "7d"),
//     [Bytes] ("64MiB", "1GB"), or a type that is both an
//     [encoding.TextUnmarshaler] and an [encoding.TextMarshaler];
//   - a list: a slice of values;
//   - a section: a struct, or a pointer to one, which is nil unless set;
//   - named sections: a map from names to structs.
//
// The tag secret:"true" keeps a value, or all values of a section, out of errors
// and of [Effective]. A pointer's struct and a new entry of a map start as their
// method SetDefaults() leaves them, if they have one.
//
// # Algorithm
//
// Later sources win: what the struct holds, the file, the environment. The file
// is parsed into yaml.Node, which knows its lines, and is matched with the struct
// key by key; a leaf is always parsed from its text, so the file and the
// environment accept the same. Lists and maps of the file replace those of the
// struct; a section without a value ("audit:") changes nothing, except that it
// makes an optional one exist. A leaf's variable is WEIR_ and its path in
// capitals with _ for dots and dashes; lists are comma-separated, empty means not
// set. WEIR_CLUSTERS_EAST_BOOTSTRAP sets clusters.<name>.bootstrap of the entry
// whose name is written EAST, or makes the entry east. Where a variable could be
// read in several ways, an entry that exists wins, and then the shortest name.
//
// # Guarantee
//
//   - Nothing is ignored: an unknown, doubled or valueless key, a second
//     document, a value of another type and an unknown WEIR_ variable are errors.
//     All of them are in the one error of [Load], a line each: where, the path,
//     what was expected, and for a misspelt name the nearest one.
//   - [Effective.YAML] is a file that gives the same struct again, unless it holds
//     secrets: for those it prints "(set)", which Load refuses.
//   - The example of [Manual.YAML] is a file that gives the defaults.
//   - No input makes Load panic (FuzzLoad).
//
// # Cost
//
// One pass over the file and one over the struct by reflection; it runs once in
// a process.
//
// # What it is not
//
// It reads no file and no environment itself, does not watch for changes, and
// does not judge values: whether they make sense together is the caller's to say,
// with [Effective.Origin] to say where.
package conf
