package jsonschema

import (
	"math/big"
	"strconv"
)

// itemsBefore is what the items of an old array after its prefix keep to; nil is open.
func (n *node) itemsBefore() *node {
	if n.items == nil && n.contains == nil && !n.elsewhere {
		return n.restItems
	}
	return n.items
}

func (n *node) itemsAfter() *node {
	if n.items == nil {
		return n.restItems
	}
	return n.items
}

func (c *checker) itemLists(old, new *node) bool {
	if old.can&array == 0 {
		return true
	}
	ok := true
	if new.unique && !old.unique {
		ok = c.differ("UNIQUE_ITEMS_ADDED", new.at+"/uniqueItems", "items must be unique now") && ok
	}
	for i := range max(len(old.prefix), len(new.prefix)) {
		switch {
		case i >= len(old.prefix):
			ok = c.itemAdded(old.itemsBefore(), new.prefix[i], i) && ok
		case i >= len(new.prefix):
			ok = c.itemRemoved(old.prefix[i], new, i) && ok
		default:
			ok = c.implies(old.prefix[i], new.prefix[i]) && ok
		}
	}
	return c.restOfArray(old, new) && ok
}

func (c *checker) itemAdded(before, item *node, i int) bool {
	switch {
	case c.try(func() bool { return c.impliedByRest(before, item) }):
		return true
	case before == nil || before.free:
		return c.differ("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", item.at, "item %d was added; before, arrays could have any value there", i)
	}
	return c.differ("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", item.at, "item %d was added; before, arrays could have other values there", i)
}

func (c *checker) itemRemoved(item, new *node, i int) bool {
	at := new.at + "/items/" + strconv.Itoa(i)
	switch rest := new.itemsAfter(); {
	case rest == nil && c.sealed&sealItems == 0, rest != nil && c.tries(item, rest):
		return true
	case rest == nil || rest.can == 0:
		return c.differ("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", at, "item %d was removed, and further items are not allowed", i)
	}
	return c.differ("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, "item %d was removed; it must keep to the schema of further items now", i)
}

func (c *checker) restOfArray(old, new *node) bool {
	switch {
	case new.items != nil && len(new.prefix) == 0 && old.itemsBefore() == nil && !new.items.free:
		return c.differ("SCHEMA_ADDED", new.items.at, "items must keep to a schema now")
	case new.items != nil:
		return c.rest("ADDITIONAL_ITEMS", "items", old.itemsBefore(), new.items)
	case new.restItems != nil:
		before := old.items
		if before == nil {
			before = old.restItems
		}
		return c.rest("UNEVALUATED_ITEMS", "items", before, new.restItems)
	case c.sealed&sealItems != 0 && (old.items != nil || old.restItems != nil):
		return c.differ("UNEVALUATED_ITEMS_NARROWED", new.at, "further items were described and are not any more, and such are not allowed")
	}
	return true
}

var one = big.NewRat(1, 1)

// contained compares contains, minContains and maxContains.
func (c *checker) contained(old, new *node) bool {
	if old.can&array == 0 {
		return true
	}
	if new.contains == nil {
		return true
	}
	least := new.atLeast()
	switch {
	case old.contains == nil && (least.Sign() > 0 || new.maxContains != nil):
		return c.differ("CONTAINS_ADDED", new.contains.at, "arrays must contain certain items now")
	case old.contains == nil:
		return true
	case least.Sign() > 0 && !c.implies(old.contains, new.contains):
		return false
	case old.atLeast().Cmp(least) < 0:
		return c.differ("MIN_CONTAINS_INCREASED", new.at+"/minContains", "arrays had to contain %s such items and must contain %s now", old.atLeast().RatString(), least.RatString())
	case new.maxContains == nil:
		return true
	case old.maxContains == nil:
		return c.differ("MAX_CONTAINS_ADDED", new.at+"/maxContains", "arrays may contain only %s such items now", new.maxContains.RatString())
	case old.maxContains.Cmp(new.maxContains) > 0:
		return c.differ("MAX_CONTAINS_DECREASED", new.at+"/maxContains", "arrays could contain %s such items and may contain %s now", old.maxContains.RatString(), new.maxContains.RatString())
	case !c.exactly(new.contains, old.contains):
		return c.differ("CONTAINS_CHANGED", new.contains.at, "more items count for maxContains now")
	}
	return true
}

func (n *node) atLeast() *big.Rat {
	if n.minContains == nil {
		return one
	}
	return n.minContains
}
