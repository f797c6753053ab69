package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
	"github.com/stitchdetect/stitch/test/engines"
)

// containerLife is how long a container lives, in seconds, if this process
// dies without removing it.
const containerLife = 6 * 60 * 60

// processLabel marks a container with the process that started it.
const processLabel = "stitch.test.pid"

// httpPort is the port that nodes serve inside their containers.
const httpPort = "9200/tcp"

// Docker starts nodes as containers.
type Docker struct{ pool *dockertest.Pool }

// NewDocker returns the Docker engine that the environment names, or an error
// if none answers.
func NewDocker() (Docker, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return Docker{}, fmt.Errorf("no container: %w", err)
	}
	// A pool comes to be whether or not an engine is behind it.
	if err := pool.Client.Ping(); err != nil {
		return Docker{}, fmt.Errorf("no container: no Docker engine answers (install and start Docker): %w", err)
	}
	return Docker{pool: pool}, nil
}

// Image returns the image for the engine: what STITCH_TEST_IMAGE_ES8 (and so
// on) names, else the official one.
func Image(e engines.Engine) string {
	if image := os.Getenv("STITCH_TEST_IMAGE_" + strings.ToUpper(e.Name)); image != "" {
		return image
	}
	return e.Image()
}

// Start starts a container, pulling its image (REPOSITORY:TAG) if it is not
// there, and returns when the node answers. Its port is published on the
// loopback interface alone.
func (d Docker) Start(ctx context.Context, e engines.Engine, image string) (*Node, error) {
	colon := strings.LastIndex(image, ":")
	if colon < 0 {
		return nil, fmt.Errorf("no container: image %q has no tag", image)
	}
	repository, tag := image[:colon], image[colon+1:]
	if err := d.pull(ctx, repository, tag); err != nil {
		return nil, err
	}
	options := &dockertest.RunOptions{
		Repository:   repository,
		Tag:          tag,
		Env:          settings(e),
		PortBindings: map[docker.Port][]docker.PortBinding{httpPort: {{HostIP: "127.0.0.1", HostPort: "0"}}},
		Labels:       map[string]string{processLabel: strconv.Itoa(os.Getpid())},
	}
	container, err := d.pool.RunWithOptions(options, func(host *docker.HostConfig) {
		host.PublishAllPorts = false // else on every interface
	})
	if err != nil {
		return nil, fmt.Errorf("no container: run %s: %w", image, err)
	}
	n, err := d.await(ctx, e, container)
	if err != nil {
		return nil, fmt.Errorf("no container: run %s: %w", image, errors.Join(err, d.remove(container)))
	}
	return n, nil
}

func (d Docker) pull(ctx context.Context, repository, tag string) error {
	_, err := d.pool.Client.InspectImage(repository + ":" + tag)
	if err == nil {
		return nil
	}
	if !errors.Is(err, docker.ErrNoSuchImage) {
		return fmt.Errorf("no container: look for image %s:%s: %w", repository, tag, err)
	}
	options := docker.PullImageOptions{Repository: repository, Tag: tag, Context: ctx}
	if err := d.pool.Client.PullImage(options, docker.AuthConfiguration{}); err != nil {
		return fmt.Errorf("no container: pull image %s:%s: %w", repository, tag, err)
	}
	return nil
}

// await returns the container's node when it answers.
func (d Docker) await(ctx context.Context, e engines.Engine, container *dockertest.Resource) (*Node, error) {
	if err := container.Expire(containerLife); err != nil {
		return nil, fmt.Errorf("bound its life: %w", err)
	}
	address := container.GetHostPort(httpPort)
	if address == "" {
		return nil, errEnded
	}
	e.URL = "http://" + address
	err := waitHealthy(ctx, e, func() error { return d.ended(container) })
	if err != nil {
		return nil, err
	}
	return &Node{URL: e.URL, stop: func() error { return d.remove(container) }}, nil
}

// ended returns an error if the container does not run.
func (d Docker) ended(container *dockertest.Resource) error {
	now, err := d.pool.Client.InspectContainer(container.Container.ID)
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if !now.State.Running {
		return fmt.Errorf("%w, status %d", errEnded, now.State.ExitCode)
	}
	return nil
}

// remove ends the container and removes it with its data.
func (d Docker) remove(container *dockertest.Resource) error {
	err := d.pool.Purge(container)
	if _, gone := errors.AsType[*docker.NoSuchContainer](err); gone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}

// settings are environment variables for the official images: one node alone,
// without users, with a small heap.
func settings(e engines.Engine) []string {
	common := []string{"discovery.type=single-node", "cluster.routing.allocation.disk.threshold_enabled=false"}
	if e.Family == engines.Elasticsearch {
		return append(common, "xpack.security.enabled=false", "ES_JAVA_OPTS=-Xms512m -Xmx512m")
	}
	return append(common, "DISABLE_SECURITY_PLUGIN=true", "DISABLE_INSTALL_DEMO_CONFIG=true",
		"OPENSEARCH_JAVA_OPTS=-Xms512m -Xmx512m")
}
