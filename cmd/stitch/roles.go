package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/people"
)

// rolesFlags are those of bootstrap --print-roles.
type rolesFlags struct {
	print   bool
	product string
	rules   []string
	users   string
	output  string
}

const rolesHelp = `With --print-roles it changes nothing and prints the smallest roles that stitch can
do with, to be pasted into Kibana's or OpenSearch Dashboards' Dev Tools: one each
for running rules, for preparing a cluster, for looking at alerts and for working
on them. What the rules read is taken from the rules; print them anew when these
read other indices. No cluster is needed: without --product, one that is named is
asked which it is, and else the roles are printed for both.`

func (f *rolesFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.print, "print-roles", false, "print the smallest roles, and change nothing")
	flags.StringVar(&f.product, "product", "", "elasticsearch or opensearch, with --print-roles")
	flags.StringArrayVar(&f.rules, "rules", nil, "with --print-roles: file or folder of rules, repeatable (default STITCH_RULES, or the shipped rules)")
	usersFlag(cmd, &f.users, ", with --print-roles: an index is one more to read (default STITCH_USERS, or none)")
	flags.StringVar(&f.output, "output", "text", "text or json, with --print-roles")
}

// alone refuses flags that mean nothing without --print-roles.
func (f *rolesFlags) alone(cmd *cobra.Command) error {
	for _, name := range []string{"product", "rules", "users", "output"} {
		if cmd.Flags().Changed(name) && !f.print {
			return usage("--%s goes with --print-roles", name)
		}
	}
	return nil
}

// printRoles writes the roles for the products that are meant.
func (f *rolesFlags) printRoles(ctx context.Context, s streams, c *connection) error {
	if f.output != "text" && f.output != "json" {
		return usage("--output must be text or json, not %q", f.output)
	}
	sources, err := f.sources(s, c)
	if err != nil {
		return err
	}
	products, err := f.products(ctx, s, c)
	if err != nil {
		return err
	}
	remote := slices.DeleteFunc(slices.Clone(sources), func(index string) bool { return !mappings.Remote(index) })
	if len(remote) > 0 {
		fmt.Fprintf(s.err, "stitch: on the remote clusters, give a role of the same name the privileges to read %s: those clusters decide\n",
			printable(strings.Join(remote, ", ")))
	}
	all := map[string]map[string]any{}
	for i, product := range products {
		roles, err := mappings.Names{}.Roles(product, sources)
		if err != nil {
			return err
		}
		all[product] = map[string]any{}
		for j, role := range roles {
			all[product][role.Name] = role.Body(product)
			if f.output == "text" {
				if i+j > 0 {
					fmt.Fprintln(s.out)
				}
				if err := writeRole(s, product, role); err != nil {
					return err
				}
			}
		}
	}
	if f.output == "json" {
		return writeJSON(s.out, all)
	}
	return nil
}

// writeRole writes a role as Dev Tools take it.
func writeRole(s streams, product string, role mappings.Role) error {
	body, err := json.Marshal(role.Body(product))
	if err != nil {
		return fmt.Errorf("write role: %w", err)
	}
	fmt.Fprintf(s.out, "# %s, %s\n", product, role.Purpose)
	fmt.Fprint(s.out, esq.ConsoleRequest{Method: "PUT", Path: strings.TrimPrefix(role.Path(product), "/"), Body: body})
	return nil
}

// sources are the indices that the rules, and the user map, are read from.
func (f *rolesFlags) sources(s streams, c *connection) ([]string, error) {
	file, err := c.readFile(s)
	if err != nil {
		return nil, err
	}
	from := sources{environment{s.env}, file}
	paths := f.rules
	if len(paths) == 0 {
		paths = from.first("rules")
	}
	set, err := loadRules(paths, nil)
	if err != nil {
		return nil, err
	}
	indices := readBy(set)
	users := f.users
	if users == "" {
		users = from.one("users")
	}
	if people.IsIndex(users) {
		source, err := people.Open(users)
		if err != nil {
			return nil, usage("--users: %w", err)
		}
		indices = append(indices, source.Index())
	}
	slices.Sort(indices)
	return slices.Compact(indices), nil
}

// readBy are the indices that rules read.
func readBy(set *rules.Set) []string {
	var indices []string
	for _, r := range set.Rules {
		indices = append(indices, r.Indices()...)
	}
	return indices
}

// products are those that roles are wanted for: the one that is asked for, that
// of the cluster that is named, or both.
func (f *rolesFlags) products(ctx context.Context, s streams, c *connection) ([]string, error) {
	both := []string{mappings.Elasticsearch, mappings.OpenSearch}
	if f.product != "" {
		if !slices.Contains(both, f.product) {
			return nil, usage("--product must be elasticsearch or opensearch, not %q", f.product)
		}
		return []string{f.product}, nil
	}
	named, err := c.named(s)
	if err != nil || !named {
		return both, err
	}
	cluster, err := c.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	return []string{cluster.Product()}, nil
}
