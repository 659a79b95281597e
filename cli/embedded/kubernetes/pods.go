package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

// runStopPods ends every pod that the container runtime knows and removes it, network and mounts included, as the
// kubelet would: all of them at once, each container with a grace period. The API server hears nothing of it, so a
// kubelet that starts later runs the same pods again.
func runStopPods(ctx context.Context) error {
	flags := flag.NewFlagSet("stop-pods", flag.ExitOnError)
	endpoint := flags.String("endpoint", "", "address of the container runtime, unix:///…")
	grace := flags.Duration("grace", 30*time.Second, "time that a container gets to end by itself")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	service, err := remote.NewRemoteRuntimeService(*endpoint, *grace+30*time.Second, nil, nil)
	if err != nil {
		return err
	}
	containers, err := service.ListContainers(ctx, &runtime.ContainerFilter{
		State: &runtime.ContainerStateValue{State: runtime.ContainerState_CONTAINER_RUNNING},
	})
	if err != nil {
		return err
	}
	errs := inParallel(containers, func(container *runtime.Container) error {
		return service.StopContainer(ctx, container.Id, int64(grace.Seconds()))
	})
	pods, err := service.ListPodSandbox(ctx, nil)
	if err != nil {
		return err
	}
	// A container that would not stop is killed with its pod: only what happens to the pods counts.
	for _, err := range errs {
		fmt.Fprintln(os.Stderr, err)
	}
	return errorOf(inParallel(pods, func(pod *runtime.PodSandbox) error {
		if err := service.StopPodSandbox(ctx, pod.Id); err != nil {
			return err
		}
		return service.RemovePodSandbox(ctx, pod.Id)
	})...)
}

// inParallel runs do for every item at once and returns the errors there were.
func inParallel[T any](items []T, do func(T) error) []error {
	var group sync.WaitGroup
	var mutex sync.Mutex
	var errs []error
	for _, item := range items {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := do(item); err != nil {
				mutex.Lock()
				errs = append(errs, err)
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	return errs
}
