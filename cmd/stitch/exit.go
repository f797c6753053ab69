package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// The exit codes of all commands.
const (
	exitFine     = 0
	exitProblems = 1 // problems were found
	exitUsage    = 2 // wrong usage or configuration
	exitCluster  = 3 // the cluster could not be reached or refused
)

const exitHelp = `Exit codes
  0  fine
  1  problems were found: in rules, in data, or while a rule ran
  2  wrong usage or configuration, a path that does not exist included
  3  the cluster could not be reached or refused`

// exitError is an error with the exit code it asks for.
type exitError struct {
	code int
	err  error // nil: what is to be said has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode is the code an error asks for. One that asks for none is a problem.
func exitCode(err error) int {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	var newer *mappings.NewerError
	var unprepared *mappings.UnpreparedError
	var unreachable *esq.UnreachableError
	var unsupported *esq.UnsupportedError
	var refused *esq.ResponseError
	switch {
	case errors.As(err, &unprepared):
		return exitUsage
	case errors.As(err, &newer), errors.As(err, &unreachable), errors.As(err, &unsupported), errors.As(err, &refused):
		return exitCluster
	}
	return exitProblems
}

// ruleCode is the code for rules that failed. What an engine says of one
// rule's search is that rule's problem; that it is gone, or does not let the
// user in, is the cluster's.
func ruleCode(err error) int {
	var unreachable *esq.UnreachableError
	var refused *esq.ResponseError
	switch {
	case errors.As(err, &unreachable), esq.Refused(err):
		return exitCluster
	case errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusTooManyRequests):
		return exitCluster
	}
	return exitProblems
}

// openError gives an error of [esq.Open] its code: what is not about an answer,
// or its absence, is about the configuration.
func openError(ctx context.Context, err error) error {
	if ctx.Err() == nil && exitCode(err) == exitProblems {
		return &exitError{exitUsage, err}
	}
	return err
}

// unlessStopped is the error of a service's start, none if it was stopped
// before it began.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && exitCode(err) != exitUsage {
		return nil
	}
	return err
}
